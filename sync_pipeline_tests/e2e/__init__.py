"""The requirements by number, over real HTTP against the sandbox, judged from the services' state and mutation log."""
