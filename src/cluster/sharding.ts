// How connections of the data plane find a worker (SHARDING): the contract. The supervisor and the threads
// know nothing more of it than `Rotation`, so a worker lives and ends in the same way whatever spreads
// connections.

/** What a worker says when it is ready; by the object itself one is told from the other. */
export interface Descriptor {
  /** Its row in shared memory. */
  readonly slot: number;
  /** Where sockets are handed to: a raw pointer to its app. Undefined: it listens itself. */
  readonly app: unknown;
}

export interface Rotation {
  /** New connections may come to this worker. Said again after `pause`. */
  add(descriptor: Descriptor): void;
  /** Its loop stands still: none should come until `add`, as far as that is possible without its help. */
  pause(descriptor: Descriptor): void;
  /**
   * None comes any more, or none once it has closed its listener. Always said before a worker is told that it
   * may close. May be said again.
   */
  remove(descriptor: Descriptor): void;
}

export interface Sharding extends Rotation {
  /** Of the data plane. */
  readonly port: number;
  /** What a worker listens on itself before it is ready; undefined: it is handed its connections. */
  readonly workerPort: number | undefined;
  /**
   * We are ready: from here on a part of the new connections is ours. Resolves when their receive buffers are
   * bounded.
   * @throws StartError
   */
  join(): Promise<void>;
  /**
   * So many connections are about to come whose worker has closed them. Within the next second they go to the
   * workers with the fewest, as far as this process can choose.
   */
  expect(connections: number): void;
  /** New connections are refused from here on; those that exist live on in their workers. */
  stopListening(): Promise<void>;
  /** When no worker lives any more. */
  close(): void;
}
