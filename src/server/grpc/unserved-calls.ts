// Counts the calls that are over before their requests are whole. All others are counted by the pipeline, to
// which these never get.
import type { HttpError } from '../../errors.js';
import type { RequestObserver, RouteMeter } from '../request-observer.js';

export class UnservedCalls {
  readonly #observer: RequestObserver;
  readonly #meters = new Map<string, RouteMeter>();

  constructor(observer: RequestObserver) {
    this.#observer = observer;
  }

  /**
   * Counts a call as a failed one of its method.
   * @param path of a method that exists
   * @param begunAt `performance.now()` when the call arrived
   * @param reason why it is over
   */
  count(path: string, begunAt: number, { status, code }: HttpError): void {
    let meter = this.#meters.get(path);
    if (meter === undefined) {
      meter = this.#observer.rpcMeter(path);
      this.#meters.set(path, meter);
    }
    const microseconds = (performance.now() - begunAt) * 1000;
    meter.end(meter.begin(begunAt, '', 0), status, microseconds, code);
  }
}
