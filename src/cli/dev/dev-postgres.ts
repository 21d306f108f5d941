// The embedded PostgreSQL of `multilane dev`. It belongs to `dev`, not to the process that `dev` restarts, so
// it runs on over restarts. The process asks for it when a service has a database in its DATA_DIR.
import type { ChildProcess } from 'node:child_process';
import type { Settings } from '../../config.js';
import type { Embedded } from '../../postgres/embedded.js';
import { onDevMessage, type PostgresReply, type PostgresRequest } from '../../process/dev-channel.js';
import type { Lifecycle } from '../../process/lifecycle.js';
import { stderrSink } from '../../telemetry/stderr-sink.js';

/** The time that is kept for stopping PostgreSQL; the release of DATA_DIR has the rest. */
const STOPS_MS = 3_000;

interface Server {
  readonly dataDir: string;
  readonly embedded: Promise<Embedded>;
  readonly stop: () => Promise<void>;
}

export class DevPostgres {
  readonly #report: (line: string) => void;
  #server: Server | undefined;
  #isClosed = false;

  /** @param report prints a line */
  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** Answers what a child asks for. */
  serve(child: ChildProcess): void {
    onDevMessage(child, 'postgres', (request) => {
      void this.#replyTo(request).then((reply) => {
        // A channel that has been closed means that the child has ended.
        child.send(reply, () => undefined);
      });
    });
  }

  /** Stops the server, when there is one, and releases its DATA_DIR. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    await this.#stopServer();
  }

  async #replyTo({ dataDir }: PostgresRequest): Promise<PostgresReply> {
    const { startFailure } = await import('../../process/start-failure.js');
    try {
      if (this.#server !== undefined && this.#server.dataDir !== dataDir) await this.#stopServer();
      if (this.#isClosed) return { dev: 'postgres', failure: 'multilane dev is ending' };
      this.#server ??= await this.#begin(dataDir);
      const { url, maxConnections, pid } = await this.#server.embedded;
      return { dev: 'postgres', server: { url, maxConnections, pid } };
    } catch (error) {
      await this.#stopServer();
      return { dev: 'postgres', failure: startFailure(error).message };
    }
  }

  async #stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  /** Claims DATA_DIR, so that no other process uses it while `dev` runs, and begins to start the server. */
  async #begin(dataDir: Settings['dataDir']): Promise<Server> {
    const { createLogger } = await import('../../telemetry/log.js');
    const { claimAlone, claimUntil } = await import('../../process/claim.js');
    const { Lifecycle: Parts } = await import('../../process/lifecycle.js');
    const { EmbeddedServer } = await import('../../primary/embedded-server.js');
    const { stopUnused } = await import('../../postgres/embedded-stop.js');
    const logFormat = process.stderr.isTTY ? 'pretty' : 'json';
    const log = createLogger({ logLevel: 'warn', logFormat }, {}, stderrSink);
    const lifecycle: Lifecycle = new Parts();
    const stop = async (): Promise<void> => void (await lifecycle.stop(log));
    try {
      const { lock } = await claimUntil(
        () => false,
        (entering) => claimAlone({ dataDir }, log, entering),
        lifecycle,
        (claimed, countdown) => stopUnused({ dataDir, lock: claimed, log }, countdown),
      );
      const server = new EmbeddedServer({
        ...{ settings: { dataDir }, isNeeded: true, lock, log },
        stopLeftServer: (left, countdown) => stopUnused({ dataDir, lock: left, log }, countdown),
      });
      lifecycle.defer('embedded PostgreSQL', (countdown) => server.stop(countdown), STOPS_MS);
      lock.onOwnershipLost((why) => {
        server.discard();
        this.#server = undefined;
        this.#report(`DATA_DIR ${dataDir} is not ours any more: ${why}`);
      });
      const embedded = server.start().then((started) => started!);
      // A failure is handled where the server is awaited.
      embedded.catch(() => undefined);
      return { dataDir, embedded, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  }
}
