// The page of `/metrics`: the families of all sources and the state of the process, which prom-client reads.
// It is written piece by piece, with turns of the event loop between them.
import type { MetricKind } from '../memory/metrics/recorder.js';
import type { ExpositionFormat } from './exposition-format.js';
import { headOf, labelsText, linesOf, sampleLine, sampleName } from './exposition-text.js';
import { gatherFamilies, type MetricSource } from './metric-families.js';
import { Pace } from './pace.js';
import { ProcessMetrics } from './process-metrics.js';
import type { ProcessWatch } from './process-watch.js';

/** Characters of a piece, about. */
const PIECE = 16_384;

export class MetricsPage {
  readonly #sources: readonly MetricSource[];
  readonly #process: ProcessMetrics;

  /**
   * Create only one per process.
   * @param skipped see `ProcessMetrics`
   */
  constructor(sources: readonly MetricSource[], watch: ProcessWatch, skipped: () => void) {
    this.#sources = sources;
    this.#process = new ProcessMetrics(watch, skipped);
  }

  /** Writes the page. @param write gets it in pieces, in order */
  async write(format: ExpositionFormat, write: (piece: string) => void): Promise<void> {
    const pace = new Pace();
    let piece = '';
    const add = (text: string): Promise<void> | undefined => {
      piece += text;
      if (piece.length >= PIECE) {
        write(piece);
        piece = '';
      }
      return pace.rest();
    };
    // The older format has an empty line between families, which OpenMetrics forbids.
    const between = format === 'openmetrics' ? '' : '\n';
    for (const family of await gatherFamilies(this.#sources)) {
      await add(headOf(family, format));
      for (const total of family.series) {
        const resting = add(linesOf(family.name, total, format));
        if (resting !== undefined) await resting;
      }
      await add(between);
    }
    for (const text of await this.#processFamilies(format)) await add(text + between);
    write(format === 'openmetrics' ? `${piece}# EOF\n` : piece);
  }

  async #processFamilies(format: ExpositionFormat): Promise<string[]> {
    return (await this.#process.read()).map(({ name, help, type, values }) => {
      // prom-client declares an enum that does not exist at run time: the value is the word itself.
      const kind = type as unknown as MetricKind;
      const lines = values.map((value) => {
        const line = 'metricName' in value ? String(value.metricName) : sampleName(name, kind, format);
        const labels = value.labels as Readonly<Record<string, string | number>>;
        return sampleLine(line, labelsText(labels, format), value.value);
      });
      return headOf({ name, kind, help }, format) + lines.join('');
    });
  }
}
