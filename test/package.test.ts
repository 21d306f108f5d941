// The files that `npm publish` would include: those that run a user's project, those to which its pages and
// messages lead, and none that a project would load by mistake.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect } from 'chai';
import { machineFacts } from '#src/config/machine-facts.js';
import { helpText } from '#src/config/print.js';
import { cleanEnvironment, ROOT } from './support/cluster.js';

/** A relative link of Markdown, or of a tag in it, without its section. */
const LINK = /\]\(([^)#\s]+)[^)]*\)|(?:src|href)="([^"#]+)/g;
/** A path of the repository in a text; code that imports a module writes it behind `./` or `../`. */
const NAMED =
  /(?<![\w./-])(?:docs|examples|deploy|template)\/[\w./-]+\.(?:md|yml|json|service|cjs|mjs|js)\b/g;

describe('the npm package', () => {
  let files: readonly string[];
  let sizes: ReadonlyMap<string, number>;
  before(() => {
    const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      env: cleanEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [packed] = JSON.parse(text) as readonly [
      { readonly files: readonly { readonly path: string; readonly size: number }[] },
    ];
    sizes = new Map(packed.files.map(({ path, size }) => [path, size]));
    files = [...sizes.keys()];
  });

  it('does not contain the configuration file of this repository', () => {
    expect(files.filter((path) => /^[^/]*\.config\.[^/]*$/.test(path))).to.deep.equal([]);
  });

  it('contains every file that it names or runs', () => {
    const { bin, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      readonly bin: Readonly<Record<string, string>>;
      readonly scripts: Readonly<Record<string, string>>;
    };
    const preinstall = scripts.preinstall!.split(' ')[1]!;
    expect(files).to.include.members([
      ...Object.values(bin),
      preinstall,
      'dist/primary.js',
      'dist/workers/http.js',
      'dist/bundle/index.js',
      'dist/bundle/LICENSES.txt',
      'dist/packages/typebox.js',
      'dist/dashboard/index.html',
      'dist/dashboard/LICENSES.txt',
      'template/multilane.config.js',
      'template/ecosystem.config.cjs',
      'deploy/multilane.service',
      'deploy/grafana/multilane.json',
      'deploy/prometheus/multilane-alerts.yml',
    ]);
  });

  const contains = (path: string): boolean =>
    files.includes(path) || files.some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`));

  it('contains every file to which its pages link', () => {
    const pages = files.filter((path) => path.endsWith('.md'));
    expect(pages).to.include.members(['README.md', 'docs/operations.md', 'examples/hello/README.md']);
    const missing = pages.flatMap((page) => {
      const prose = readFileSync(join(ROOT, page), 'utf8').replaceAll(/```[\s\S]*?```/g, '');
      return [...prose.matchAll(LINK)]
        .map(([, inText, inTag]) => (inText ?? inTag)!)
        .filter((link) => !/^[a-z]+:/.test(link) && !contains(normalize(join(dirname(page), link))))
        .map((link) => `${page}: ${link}`);
    });
    expect(missing).to.deep.equal([]);
  });

  it('contains every file that messages, settings and alerts name', () => {
    const sources = ['src', 'deploy', 'template'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) =>
        join(folder, path),
      ),
    );
    const texts = sources
      .filter((path) => /\.(ts|yml|json|service|md|cjs|js)$/.test(path))
      .map((path) => readFileSync(join(ROOT, path), 'utf8').replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, ''));
    const named = [...texts, helpText(machineFacts(false))].flatMap((text) =>
      [...text.matchAll(NAMED)].map(([path]) => path),
    );
    const paths = [...new Set(named)];
    expect(paths).to.include.members(['docs/operations.md', 'docs/cpu.md']);
    expect(paths.filter((path) => !files.includes(path))).to.deep.equal([]);
  });

  it('is not much larger with its pages and examples', () => {
    const bytes = [...sizes].filter(([path]) => /^(docs|examples)\//.test(path)).map(([, size]) => size);
    expect(bytes.reduce((sum, size) => sum + size, 0)).to.be.below(2 * 2 ** 20);
  });
});
