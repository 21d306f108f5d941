// A project in TypeScript with several configurations, each in a folder of its own, which are loaded as they
// are or built. The name of its folder has a blank.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { buildProject } from '#src/cli/build-project.js';
import { ROOT } from '#test/support/cluster.js';

const TSCONFIG = `{ "compilerOptions": { "target": "es2023", "module": "nodenext", "strict": true, "noEmit": true,
  "allowImportingTsExtensions": true, "verbatimModuleSyntax": true, "types": [] },
  "include": ["**/*.ts", "**/*.mts"] }`;
const CONFIG = "import { hello } from './service.ts';\nexport default { services: [hello] };\n";

export type Layout = 'as it is' | 'built';

/** Whether this Node.js runs TypeScript without a build: 22.18 and later. */
const runsTypeScript = 'typescript' in process.features && process.features.typescript !== false;
/** The layouts of which this Node.js runs a project in TypeScript. */
export const LAYOUTS: readonly Layout[] = runsTypeScript ? ['as it is', 'built'] : ['built'];

export class LoadedProject {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'multilane loaded-')));

  constructor() {
    this.write('package.json', '{ "type": "module" }');
    this.write('tsconfig.json', TSCONFIG);
    this.write('multilane.config.ts', 'export default {};\n');
    mkdirSync(join(this.folder, 'node_modules'));
    symlinkSync(join(ROOT, 'node_modules/typescript'), join(this.folder, 'node_modules/typescript'));
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.folder, name)), { recursive: true });
    writeFileSync(join(this.folder, name), text);
  }

  /** Adds a configuration, which imports `service.ts` unless the files have one of its name. */
  addCase(folder: string, files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries({ 'multilane.config.ts': CONFIG, ...files }))
      this.write(`${folder}/${name}`, text);
  }

  /** Loads configurations, which are built before where that is the layout. */
  async messages(cases: readonly string[], layout: Layout): Promise<readonly string[]> {
    if (layout === 'built') await this.#build();
    return this.loaded(cases, layout);
  }

  /**
   * Loads configurations in a process of their own.
   * @returns the message of each, `loaded` for one without a fault
   */
  loaded(cases: readonly string[], layout: Layout): readonly string[] {
    const file = layout === 'built' ? 'multilane.config.js' : 'multilane.config.ts';
    const paths = cases.map((name) => join(this.folder, layout === 'built' ? 'dist' : '', name, file));
    const load = `
      const { loadConfigFile } = await import(${JSON.stringify(import.meta.resolve('#src/config/config-file.js'))});
      const messages = [];
      for (const path of ${JSON.stringify(paths)})
        messages.push(await loadConfigFile(path).then(() => 'loaded', ({ message }) => message));
      console.log(JSON.stringify(messages));`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--conditions=multilane-unbundled', '--input-type=module', '-e', load],
      { cwd: this.folder, encoding: 'utf8' },
    );
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as readonly string[];
  }

  async #build(): Promise<void> {
    const warn = (warning: string): never => expect.fail(warning);
    const { folder } = this;
    await buildProject({ folder, config: join(folder, 'multilane.config.ts'), checksTypes: false, warn });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
