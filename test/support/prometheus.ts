// A Prometheus server of Debian that scrapes a target of the tests, on a free port of this machine.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get, json } from './client.js';
import { freePort } from './ports.js';
import { until } from './until.js';

/** One result of an instant query. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

interface ExemplarAnswer {
  readonly data: readonly {
    readonly seriesLabels: Readonly<Record<string, string>>;
    readonly exemplars: readonly {
      readonly labels: Readonly<Record<string, string>>;
      readonly value: string;
    }[];
  }[];
}

/** Whether Debian's package `prometheus` is installed. */
export const hasPrometheus = (): boolean => spawnSync('prometheus', ['--version']).error === undefined;

export class Prometheus {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  /** @param target address of an admin plane, `http://127.0.0.1:9901` @param token sent as a bearer token */
  static async scraping(target: string, token?: string): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'multilane-prometheus-'));
    const credentials = token === undefined ? '' : `    authorization: { credentials: ${token} }\n`;
    writeFileSync(
      join(folder, 'prometheus.yml'),
      `global: { scrape_interval: 500ms, scrape_timeout: 500ms }\nscrape_configs:\n  - job_name: multilane\n` +
        `${credentials}    static_configs: [{ targets: ['${new URL(target).host}'] }]\n`,
    );
    const port = await freePort();
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
        '--log.level=warn',
      ],
      { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child, folder);
    const isReady = (): Promise<boolean> =>
      get(`${prometheus.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(isReady, (ready) => ready);
    return prometheus;
  }

  /** @throws Error for a query that Prometheus refuses */
  async query(query: string): Promise<QueryResult[]> {
    const answer = await json<Answer>(
      await get(`${this.url}/api/v1/query?query=${encodeURIComponent(query)}`),
    );
    if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Repeats a query until its results are accepted. */
  until(query: string, good: (results: readonly QueryResult[]) => boolean): Promise<QueryResult[]> {
    return until(() => this.query(query), good);
  }

  /** The trace ids of the exemplars of a metric, of the last hour. */
  async exemplars(selector: string): Promise<string[]> {
    const end = Date.now() / 1000 + 60;
    const query = `query=${encodeURIComponent(selector)}&start=${end - 3600}&end=${end}`;
    const answer = await json<ExemplarAnswer>(await get(`${this.url}/api/v1/query_exemplars?${query}`));
    return answer.data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id ?? ''));
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
