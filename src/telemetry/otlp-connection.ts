// Sends requests to a collector, one at a time, with the package of OpenTelemetry. It repeats a request that
// may be repeated, with growing pauses. It limits only the pause between two bytes, and the repetitions by
// the wall clock, so a collector that replies a byte at a time, or a clock that is set, could hold a request
// for ever. Therefore each request has a deadline, at which its connection is aborted.
import type { Agent } from 'node:http';
import type { IExporterMetricsHelper, ISerializer } from '@opentelemetry/otlp-transformer';
import { Allowance } from '../allowance.js';
import type { OtlpExportSettings } from '../config.js';
import { type OtlpOptions, type OtlpSignal, otlpOptions } from './otlp-options.js';
import type { OtlpSdk } from './otlp-sdk.js';

export interface OtlpTarget extends OtlpExportSettings {
  readonly signal: OtlpSignal;
}

/** How requests of a signal are written. */
export interface Encoding<Request, Response> {
  readonly serializer: ISerializer<Request, Response>;
  readonly helper: IExporterMetricsHelper<Request>;
  /** Items that the collector has rejected although it accepted the request (partial success). */
  readonly rejectedIn: (response: Response) => number;
}

export interface OtlpReply {
  /** undefined: the request was accepted. */
  readonly error: Error | undefined;
  /** Items of an accepted request that the collector says it has rejected. */
  readonly rejected: number;
}

/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const SUCCESS = 0;

export class OtlpConnection<Request, Response> {
  /** Milliseconds that a request may take, with all repetitions (OTEL_EXPORTER_OTLP_TIMEOUT). */
  readonly #timeoutMs: number;
  readonly #delegate: ReturnType<OtlpSdk['http']['createOtlpHttpExportDelegate']>;
  #agent: Agent | undefined;
  #aborted: Error | undefined;
  #rejected = 0;
  #settle: (reply: OtlpReply) => void = () => undefined;

  constructor(
    { http }: Pick<OtlpSdk, 'http'>,
    target: OtlpTarget,
    { serializer, helper, rejectedIn }: Encoding<Request, Response>,
  ) {
    const options = otlpOptions(http, target.signal, target);
    this.#timeoutMs = options.timeoutMillis;
    const abortable: OtlpOptions = {
      ...options,
      // The package asks for the header fields before each repetition, which ends here after an abort.
      headers: async () => {
        if (this.#aborted !== undefined) throw this.#aborted;
        return options.headers();
      },
      agentFactory: async (scheme) => {
        const agent = await options.agentFactory(scheme);
        this.#agent = agent;
        return agent;
      },
    };
    const counting: ISerializer<Request, Response> = {
      serializeRequest: (request) => serializer.serializeRequest(request),
      deserializeResponse: (data) => {
        const response = serializer.deserializeResponse(data);
        this.#rejected = rejectedIn(response);
        return response;
      },
    };
    this.#delegate = http.createOtlpHttpExportDelegate(
      abortable,
      counting,
      `multilane_${target.signal}`,
      helper,
      undefined,
    ) as ReturnType<OtlpSdk['http']['createOtlpHttpExportDelegate']>;
  }

  /** False after an abort: the connection cannot be used any more. */
  get isOpen(): boolean {
    return this.#aborted === undefined;
  }

  /**
   * Sends one request, which ends within its time, whatever the collector does. Rejects when it cannot be
   * written: an item is nested too deeply, for example.
   */
  async send(request: Request): Promise<OtlpReply> {
    const timeoutMs = this.#timeoutMs;
    const deadline = new Allowance(timeoutMs, () =>
      this.abort(new Error(`Request timed out: it was not accepted within ${timeoutMs} ms`)),
    );
    try {
      return await this.#reply(request);
    } finally {
      deadline.cancel();
    }
  }

  /** Ends the request that is under way, if there is one, with this error, and closes the connection. */
  abort(error: Error): void {
    this.#aborted = error;
    this.#agent?.destroy();
    this.#settle({ error, rejected: 0 });
  }

  #reply(request: Request): Promise<OtlpReply> {
    this.#rejected = 0;
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#delegate.export(request, ({ code, error }) => {
        if (code === SUCCESS) resolve({ error: undefined, rejected: this.#rejected });
        else resolve({ error: error ?? new Error('the export has failed'), rejected: 0 });
      });
    });
  }
}

/** @param claimed a number from the collector, which is not believed beyond the items that were sent */
export function rejectedOf(claimed: number, items: number): number {
  const rejected = Math.min(Math.floor(claimed), items);
  return rejected > 0 ? rejected : 0;
}
