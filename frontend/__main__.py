from frontend.server import main

main()
