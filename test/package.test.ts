// The files that `npm publish` would include: those that run a user's project, those to which its pages and
// messages lead, and none that a project would load by mistake.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
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

/** Whatever is in the package is of one of these kinds; docs/architecture.md says what each is for. */
const CONTENTS: readonly RegExp[] = [
  /^(?:package\.json|README\.md|CHANGELOG\.md|CODE_OF_CONDUCT\.md|CONTRIBUTING\.md|SECURITY\.md|LICENSE|NOTICE)$/,
  /^dist\/(?:[\w-]+\/)*[\w-]+\.d\.ts$/,
  /^dist\/bundle\/(?:(?:[\w-]+\/)*[\w-]+\.js|LICENSES\.txt)$/,
  /^dist\/packages\/[\w-]+\.js$/,
  /^dist\/(?:cli|cli\/dev\/probe-process|cli\/load-process|primary|workers\/\w+|testing\/tethered|cluster\/file-operations|worker\/system-routes)\.js$/,
  /^dist\/services\/(?:[\w-]+\/)*[\w-]+\.(?:js|sql|proto)$/,
  /^dist\/(?:saga|db)\/migrations\/\d{4}_[\w-]+\.sql$/,
  /^dist\/server\/docs\/(?:page\.html|start\.js)$/,
  /^dist\/vendor\/swagger-ui\/(?:swagger-ui(?:-bundle\.js|\.css)\.gz|swagger-ui-bundle\.js\.LICENSE\.txt|LICENSE|NOTICE)$/,
  /^dist\/dashboard\/(?:dashboard\.(?:js|css|svg)|index\.html|LICENSES\.txt)$/,
  /^scripts\/platform\.mjs$/,
  /^(?:template|deploy|examples)\//,
  /^docs\/(?:[\w-]+\.md|images\/[\w-]+\.(?:png|svg))$/,
  /^licences\/[\w-]+\.txt$/,
];
/** Hosts from which npm installs. */
const REGISTRY = /\b(?:registry\.(?:npmjs\.org|yarnpkg\.com)|npm\.pkg\.github\.com)\b|"resolved":/;

describe('the npm package', () => {
  let packedSize: number;
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
      { readonly size: number; readonly files: readonly { readonly path: string; readonly size: number }[] },
    ];
    packedSize = packed.size;
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
      'template/ts/multilane.config.ts',
      'template/js/multilane.config.js',
      'template/shared/ecosystem.config.cjs',
      'template/shared/gitignore',
      'template/shared/dockerignore',
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
        .filter((link) => !/^[a-z]+:/.test(link))
        .map((link) => normalize(join(dirname(page), link)))
        .filter((link) => !contains(link))
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

  it('says where it comes from, in the fields that npm shows and by which it resolves links of the README', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
    const repository = 'https://github.com/multilane/multilane';
    expect(manifest).to.deep.include({
      repository: { type: 'git', url: `git+${repository}.git` },
      bugs: { url: `${repository}/issues` },
      homepage: `${repository}#readme`,
      license: 'Apache-2.0',
    });
    const exported = Object.entries(manifest.exports as Record<string, string | Record<string, string>>);
    for (const [name, target] of exported) {
      if (typeof target === 'string') continue;
      expect(Object.keys(target)[0], name).to.equal('types');
      expect(files).to.include.members(
        [target.types!, target.default!].map((path) => path.slice('./'.length)),
      );
    }
  });

  it('is smaller than 2 MB, packed', () => {
    expect(packedSize).to.be.below(2_000_000);
  });

  it('contains nothing but what the list in docs/architecture.md names', () => {
    expect(files.filter((path) => !CONTENTS.some((kind) => kind.test(path)))).to.deep.equal([]);
    for (const kind of CONTENTS)
      expect(
        files.some((path) => kind.test(path)),
        String(kind),
      ).to.equal(true);
  });

  it('contains every module that its code starts or loads by a URL', () => {
    const named = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => {
        const code = readFileSync(join(ROOT, 'src', path), 'utf8').replaceAll(
          /^\s*(?:\/\/|\*|\/\*).*$/gm,
          '',
        );
        return [...code.matchAll(/new URL\('([^']+\.js)', import\.meta\.url\)/g)].map(([, url]) =>
          normalize(join('dist', dirname(path), url!)),
        );
      })
      // Messages show such URLs of projects, too.
      .filter((path) => existsSync(join(ROOT, path)));
    expect(named).to.include.members(['dist/primary.js', 'dist/cli/dev/probe-process.js']);
    expect(named.filter((path) => !files.includes(path))).to.deep.equal([]);
  });

  it('contains the declarations that the types of its exports need, and no others', () => {
    const declarations = files.filter((path) => path.endsWith('.d.ts') && path.startsWith('dist/'));
    const imported = new Set(['dist/index.d.ts', 'dist/testing.d.ts']);
    for (const path of declarations) {
      const code = readFileSync(join(ROOT, path), 'utf8');
      for (const [, name] of code.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g))
        imported.add(`${normalize(join(dirname(path), name!))}.d.ts`);
    }
    expect(declarations).to.have.members([...imported]);
  });

  it('has no path of the machine that built it in any file, and no host of a registry', () => {
    const places = [ROOT.replace(/\/$/, ''), homedir(), tmpdir()].filter((path) => path.length > 1);
    const found = files.filter((path) => {
      const text = readFileSync(join(ROOT, path), 'latin1');
      const isOfPage = path.endsWith('.md');
      return (
        places.some((place) => text.includes(`${place}/`) && !(isOfPage && place === tmpdir())) ||
        REGISTRY.test(text)
      );
    });
    expect(found).to.deep.equal([]);
  });
});
