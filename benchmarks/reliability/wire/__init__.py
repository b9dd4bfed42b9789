"""Discord on the wire, on this machine: HTTP and gateway as discord.py's own clients use them, with faults.

`state` knows channels, people and messages; `http` and `gateway` are the two doors to it; `faults` decides
what goes wrong at them; `server` joins them and acts for people. It lives outside the bot's process, so that
a bot can be killed and Discord still knows what was posted.
"""
