// Notifies systemd of the life cycle of the process, in a unit of Type=notify (sd_notify(3)): ready,
// reloading, stopping, and the watchdog.
//
// Node.js cannot send datagrams over a Unix socket, so each message is sent by the program systemd-notify(1),
// which is installed wherever systemd is. That is another process than the service, so the unit needs
// NotifyAccess=all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';

const PROGRAM = 'systemd-notify';
/** The program sends one datagram. If systemd does not receive it in this time, the message is dropped. */
const SEND_TIMEOUT_MS = 1_000;

export class SystemdNotifier {
  readonly #options: Settings['notify'];
  readonly #log: Pick<Logger, 'warn'>;
  /** Messages are sent one after the other: READY=1 must not overtake RELOADING=1. */
  #sent: Promise<void> = Promise.resolve();
  #watchdog: NodeJS.Timeout | undefined;
  #hasFailed = false;
  /** Messages that are being sent or wait to be. */
  #pending = 0;
  /** Reloads that are under way, or wait for the one before them. */
  #reloads = 0;

  /** @param options null when the process was not started by systemd: then nothing is sent */
  constructor(options: Settings['notify'], log: Pick<Logger, 'warn'>) {
    this.#options = options;
    this.#log = log;
  }

  /** Reports that the process serves, and starts the watchdog if the unit has one. */
  ready(status: string): void {
    this.#send('READY=1', `STATUS=${status}`);
    const { watchdogMs } = this.#options ?? {};
    if (watchdogMs === undefined) return;
    // Twice as often as systemd demands. A primary that is stalled sends nothing, and systemd kills it.
    this.#watchdog ??= setInterval(() => this.#sendWatchdog(), watchdogMs / 2);
  }

  /** @param done settles when the reload has ended, whether it succeeded or not */
  reloading(done: Promise<unknown>): void {
    this.#send(
      'RELOADING=1',
      `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`,
      'STATUS=replacing workers',
    );
    this.#reloads += 1;
    const ended = (): void => {
      this.#reloads -= 1;
      // Only after the last reload: to systemd a service that is ready is not reloading.
      if (this.#reloads === 0) this.#send('READY=1', 'STATUS=serving');
    };
    void done.then(ended, ended);
  }

  stopping(): void {
    this.#send('STOPPING=1', 'STATUS=draining');
  }

  /** Ends the watchdog and waits until all messages are sent. */
  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    await this.#sent;
  }

  /** Skipped while another message is being sent, so that messages do not pile up. */
  #sendWatchdog(): void {
    if (this.#pending === 0) this.#send('WATCHDOG=1');
  }

  #send(...assignments: string[]): void {
    const options = this.#options;
    if (options === null) return;
    this.#pending += 1;
    this.#sent = this.#sent.then(async () => {
      await this.#run(options.socket, assignments);
      this.#pending -= 1;
    });
  }

  /**
   * A message that cannot be sent is logged once and dropped: the service goes on, systemd has its own
   * limits.
   */
  async #run(socket: string, assignments: readonly string[]): Promise<void> {
    try {
      const child = spawn(PROGRAM, assignments, {
        env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: socket },
        stdio: 'ignore',
        timeout: SEND_TIMEOUT_MS,
        killSignal: 'SIGKILL',
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${PROGRAM} ended with ${code}`);
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn({ err: error, assignments }, 'cannot notify systemd');
      this.#hasFailed = true;
    }
  }
}
