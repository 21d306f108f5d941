// The shapes that are streams: events that come by themselves, and echoed messages.
import { once } from 'node:events';
import WebSocket from 'ws';

const EVENTS = 3;

/** Reads until three events have come. They must be numbered one after another, about 100 ms apart. */
export async function checkEvents(url: string, signal: AbortSignal): Promise<string | undefined> {
  const response = await fetch(`${url}/events`, { signal });
  const type = response.headers.get('content-type') ?? 'none';
  if (!/^text\/event-stream\b/.test(type)) return `sent content type ${type}`;
  let received = '';
  let numbers: readonly number[] = [];
  let firstAt = 0;
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    received += chunk;
    numbers = [...received.matchAll(/^data: (\d+)$\n\n/gm)].map(([, number]) => Number(number));
    if (numbers.length > 0) firstAt ||= performance.now();
    if (numbers.length >= EVENTS) break;
  }
  const [first = Number.NaN] = numbers;
  if (numbers.some((number, index) => number !== first + index)) return `sent ${JSON.stringify(received)}`;
  const period = (performance.now() - firstAt) / (EVENTS - 1);
  return period > 50 && period < 300 ? undefined : `sent an event every ${period.toFixed(0)} ms`;
}

export async function checkWebSocket(url: string, signal: AbortSignal): Promise<string | undefined> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  try {
    await once(socket, 'open', { signal });
    for (const message of ['Hello, World!', 'x'.repeat(32)]) {
      socket.send(message);
      const [data, isBinary] = (await once(socket, 'message', { signal })) as [Buffer, boolean];
      if (isBinary || data.toString() !== message) return `echoed ${data.toString()} for ${message}`;
    }
    return undefined;
  } finally {
    socket.terminate();
  }
}
