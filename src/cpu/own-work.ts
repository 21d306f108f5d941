// Tells what an ended task itself goes on with from what arrives on a connection that it has made. A
// connection may be kept for the next tasks, and what arrives on it is theirs: its callbacks do not count,
// nor do the ticks and promises that follow them at once.

/** The classes of what Node.js calls back for connections of all kinds. */
const CONNECTIONS: ReadonlySet<unknown> = new Set([
  'GetAddrInfoReqWrap',
  'GetNameInfoReqWrap',
  'HTTPClientAsyncResource',
  'HTTPParser',
  'HTTPServerAsyncResource',
  'Http2Session',
  'Http2Stream',
  'LibuvStreamWrap',
  'Pipe',
  'PipeConnectWrap',
  'QueryReqWrap',
  'SendWrap',
  'ShutdownWrap',
  'TCP',
  'TCPConnectWrap',
  'TLSWrap',
  'TTY',
  'UDP',
  'WriteWrap',
]);

export class OwnWork {
  /** The last callback that was no tick and no promise came from a connection. */
  #isBehindConnection = false;

  /** @param resource the asynchronous resource of the callback that begins */
  isCalled(resource: object): boolean {
    const { constructor: Kind } = resource as { readonly constructor?: { readonly name?: unknown } };
    // Ticks are plain objects.
    if (Kind !== Object && Kind !== Promise) this.#isBehindConnection = CONNECTIONS.has(Kind?.name);
    return !this.#isBehindConnection;
  }
}
