// A bare relay with Node's `ws`: what comes from a caller goes to an agent of its own, and back.
import { WebSocket, WebSocketServer } from 'ws';

const [port, agent] = process.argv.slice(2);
const options = { port: Number(port), perMessageDeflate: false };
new WebSocketServer(options, () => console.log('ready')).on('connection', (caller) => {
  const link = new WebSocket(agent, { perMessageDeflate: false });
  const early = [];
  caller.on('message', (data, isBinary) =>
    link.readyState === WebSocket.OPEN ? link.send(data, { binary: isBinary }) : early.push([data, isBinary]),
  );
  link.on('open', () => early.forEach(([data, isBinary]) => link.send(data, { binary: isBinary })));
  link.on('message', (data, isBinary) => caller.send(data, { binary: isBinary }));
  link.on('error', () => caller.terminate());
  link.on('close', () => caller.close());
  caller.on('close', () => link.close());
  caller.on('error', () => link.terminate());
});
