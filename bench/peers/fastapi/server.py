"""Does what `uvicorn main:app --workers N` does, and prints the address when all workers serve."""

import sys

import uvicorn
from uvicorn._subprocess import spawn
from uvicorn.supervisors import Multiprocess


class Worker(uvicorn.Server):
    def __init__(self, config, starting, url):
        super().__init__(config)
        self.starting = starting
        self.url = url

    async def startup(self, sockets=None):
        await super().startup(sockets)
        with self.starting.get_lock():
            self.starting.value -= 1
            if self.starting.value == 0:
                print("ready", self.url, file=sys.stderr, flush=True)


if __name__ == "__main__":
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    config = uvicorn.Config(
        "main:app",
        host="127.0.0.1",
        port=0,
        workers=workers,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    socket = config.bind_socket()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    server = Worker(config, spawn.Value("i", workers), url)
    Multiprocess(config, target=server.run, sockets=[socket]).run()
