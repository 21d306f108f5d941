// The ten likeliest mistakes in a new project, each made in a folder of its own: the command ends with exit
// code 78, and its message begins with file and line and says what to do.
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';

interface Mistake {
  readonly command: 'check' | 'start';
  /** The files in which the project differs from a correct one. */
  readonly files: Readonly<Record<string, string>>;
  /** Where the mistake is, as the message begins. */
  readonly place: RegExp;
  /** What to do, in the words of the message. */
  readonly fix: string;
}

const CONFIG = (more = ''): string => `import { defineConfig } from 'multilane';
import { hello } from './services/hello/service.js';

export default defineConfig({
  services: [hello],
  workers: 1,${more}
});
`;
const SERVICE = (routes: string, more = ''): string => `import { defineService, Type } from 'multilane';

export const hello = defineService({
  name: 'hello',
  ${more}
  routes(app) {
    ${routes}
  },
});
`;
const inService = (routes: string, more?: string): Mistake['files'] => ({
  'services/hello/service.js': SERVICE(routes, more),
});

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'a setting that is misspelt': {
    command: 'check',
    files: { 'multilane.config.js': CONFIG('\n  prot: 3000,') },
    place: /^multilane\.config\.js:7: /,
    fix: 'unknown key "prot", did you mean "port"?',
  },
  'a value that a setting cannot have': {
    command: 'check',
    files: { 'multilane.config.js': CONFIG("\n  port: '3OOO',") },
    place: /^multilane\.config\.js:7: /,
    fix: 'port: "3OOO" is not a whole number from 0 to 65535',
  },
  'an import of a default export that is not there': {
    command: 'check',
    files: { 'multilane.config.js': CONFIG().replace('{ hello }', 'hello') },
    place: /^multilane\.config\.js:2: /,
    fix: `write import { hello } from './services/hello/service.js'`,
  },
  'an import without the extension': {
    command: 'check',
    files: { 'multilane.config.js': CONFIG().replace('service.js', 'service') },
    place: /^multilane\.config\.js:2: /,
    fix: "did you mean './services/hello/service.js'?",
  },
  'a syntax error in a service': {
    command: 'check',
    files: inService("app.get('/hello', () => 'hello'"),
    place: /^services\/hello\/service\.js:7: /,
    fix: 'SyntaxError: missing ) after argument list',
  },
  'a misspelt member of a service': {
    command: 'check',
    files: inService('', 'migration: 5,'),
    place: /^services\/hello\/service\.js:3:22: /,
    fix: 'unknown member "migration", did you mean "migrations"?',
  },
  'a folder of migrations that is not there': {
    command: 'start',
    files: inService('', "migrations: new URL('./migration/', import.meta.url),"),
    place: /^services\/hello\/service\.js:5: /,
    fix: 'services/hello/migration, is not there: create it with a file 0001_what.sql in it, or correct',
  },
  'a schema for a parameter that the path lacks': {
    command: 'start',
    files: inService("app.get('/u/:id', { params: Type.Object({ userId: Type.Integer() }) }, () => 1);"),
    place: /^services\/hello\/service\.js:7:9: /,
    fix: 'service hello: GET /u/:id: params: "userId" is not in the path; did you mean "id"?',
  },
  'a route that is declared twice': {
    command: 'start',
    files: inService("app.get('/u/:id', () => 1);\n    app.get('/u/:name', () => 2);"),
    place: /^services\/hello\/service\.js:8:9: /,
    fix: 'The first one is at services/hello/service.js:7:9: change or remove one of them.',
  },
  'a middleware of Express': {
    command: 'start',
    files: inService('app.use((req, res, next) => next());'),
    place: /^services\/hello\/service\.js:7:9: /,
    fix: "there is no app.use: a middleware is app.hook('onRequest', (ctx) => …)",
  },
};

describe('the likeliest mistakes in a new project', () => {
  const env = { PORT: '0', ADMIN_PORT: '0' };
  let project: Project;
  beforeEach(() => {
    project = new Project({
      'package.json': '{ "type": "module" }',
      'multilane.config.js': CONFIG(),
      ...inService("app.get('/hello', () => 'hello');"),
    });
    project.install();
  });
  afterEach(() => project.remove());

  for (const [what, { command, files, place, fix }] of Object.entries(MISTAKES)) {
    it(`are answered by ${command} with file, line and fix: ${what}`, async () => {
      for (const [name, text] of Object.entries(files)) project.write(name, text);
      // A wrong port of the file must not be overruled by the environment.
      const own = command === 'check' ? {} : env;
      const { code, stderr } = await multilane([command], { cwd: project.folder, env: own });
      expect(code, stderr).to.equal(78);
      const lines = stderr.split('\n').filter((line) => line.startsWith('multilane: '));
      expect(lines, stderr).to.have.length(1);
      expect(lines[0]!.slice('multilane: '.length)).to.match(place);
      expect(stderr).to.include(fix);
    });
  }

  it('are the only ones: the same project without them passes the check', async () => {
    const { code, stderr } = await multilane(['check'], { cwd: project.folder });
    expect(code, stderr).to.equal(0);
  });

  it('are not what a service does that uses a dependency in its routes: that cannot be checked', async () => {
    const service = SERVICE("call('hello').get('/hello');").replace('routes(app)', 'routes(app, { call })');
    project.write('services/hello/service.js', service);
    const { code, stderr } = await multilane(['check'], { cwd: project.folder });
    expect(code, stderr).to.equal(0);
  });
});
