%% Erlang/OTP as the far anchor: the same orders on standard input, `work number`, each answered by `done`.
-module(erlang_actors).
-behaviour(supervisor).
-export([main/0, init/1, start_child/1]).
-define(UNDER_ONE, 100). % restarts of one supervisor: it looks through all those of the last second

main() ->
    logger:set_primary_config(level, none),
    io:put_chars("ready\n"),
    orders([]).

%% What is kept lives as long as the orders go on.
orders(Kept) ->
    case io:get_line("") of
        eof -> halt();
        Line ->
            [Work, Number] = string:lexemes(string:trim(Line), " "),
            More = work(Work, list_to_integer(Number)),
            io:put_chars("done\n"),
            orders([More | Kept])
    end.

work("messages", Number) ->
    Self = self(),
    [Player, Partner] = [spawn(fun() -> play(Self) end) || _ <- [1, 2]],
    Partner ! {ball, Player, Number},
    receive done -> ok end,
    [exit(One, kill) || One <- [Player, Partner]],
    none;
work("creates", Number) ->
    [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Number)];
work("spawns", 0) -> none;
work("spawns", Number) ->
    {Child, Ref} = spawn_monitor(fun() -> receive {first, From} -> From ! here end end),
    Child ! {first, self()},
    receive here -> ok end,
    receive {'DOWN', Ref, process, Child, _} -> ok end,
    work("spawns", Number - 1);
work("idle", Number) ->
    [begin
         Child = spawn(fun() -> receive {first, From} -> From ! here, receive stop -> ok end end end),
         Child ! {first, self()},
         receive here -> Child end
     end || _ <- lists:seq(1, Number)];
work("timers", Number) ->
    [erlang:send_after(3600000, self(), due) || _ <- lists:seq(1, Number)];
work("restarts", Number) when Number > ?UNDER_ONE ->
    work("restarts", ?UNDER_ONE),
    work("restarts", Number - ?UNDER_ONE);
work("restarts", Number) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, self()),
    receive {running, First} -> crash(First, Number) end,
    unlink(Supervisor),
    Ref = monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive {'DOWN', Ref, process, Supervisor, _} -> none end.

play(Asker) ->
    receive
        {ball, _, 0} -> Asker ! done;
        {ball, From, Left} -> From ! {ball, self(), Left - 1}
    end,
    play(Asker).

crash(_, 0) -> ok;
crash(Child, Number) ->
    Child ! crash,
    receive {running, Next} -> crash(Next, Number - 1) end.

init(Asker) ->
    Child = #{id => link, start => {?MODULE, start_child, [Asker]}},
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1}, [Child]}}.

start_child(Asker) ->
    proc_lib:start_link(erlang, apply, [fun() ->
        proc_lib:init_ack({ok, self()}),
        Asker ! {running, self()},
        receive crash -> exit(lost) end
    end, []]).
