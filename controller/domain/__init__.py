"""The charging domain: pure, standard library only, no asyncio, no clock, no file, no socket."""
