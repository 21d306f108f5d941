import asyncio
from typing import Annotated

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, ORJSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

app = FastAPI(default_response_class=ORJSONResponse, openapi_url=None)


class Address(BaseModel):
    street: str
    city: str
    zip: str


class Order(BaseModel):
    id: int
    name: Annotated[str, Field(min_length=1, max_length=100)]
    email: str
    tags: Annotated[list[str], Field(max_length=16)]
    address: Address
    note: Annotated[str, Field(max_length=1000)]


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext():
    return "Hello, World!"


@app.get("/json")
async def greeting():
    return {"message": "Hello, World!"}


@app.get("/users/{id}")
async def user(id: str):
    return {"id": id}


@app.get("/search")
async def search(q: str, page: int):
    return {"q": q, "page": page}


@app.post("/echo")
async def echo(order: Order) -> Order:
    return order


@app.get("/file.html")
async def file():
    return FileResponse("../file.html")


class Ticker:
    """One ticker for all event streams of a process. It runs only while a stream waits."""

    number = 0
    next = None

    async def tick(self):
        await asyncio.sleep(0.1)
        self.number += 1
        self.next = None
        return self.number

    def wait(self):
        if self.next is None:
            self.next = asyncio.ensure_future(self.tick())
        return asyncio.shield(self.next)


ticker = Ticker()


async def numbers(request: Request):
    while not await request.is_disconnected():
        yield f"data: {await ticker.wait()}\n\n"


@app.get("/events")
async def events(request: Request):
    return StreamingResponse(numbers(request), media_type="text/event-stream")


@app.websocket("/ws")
async def echo_messages(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
