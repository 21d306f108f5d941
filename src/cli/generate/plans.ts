// What is generated for a service, a saga, a route and a migration: the files and the edits of each.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { needsBuild } from '../dev/development-build.js';
import { checkName, identifierFor } from './names.js';
import type { Edit, NewFile, Plan } from './plan.js';
import { type ExistingService, existingService, type ProjectShape, specifier } from './project-shape.js';
import { hasMember, withImport, withListItem, withMember, withRouteCall } from './source-edit.js';
import * as texts from './texts.js';

const usesIn =
  (text: string) =>
  (identifier: string): boolean =>
    new RegExp(`\\b${identifier}\\b`).test(text);

/** A service with a route, its test, and its place in the configuration. */
export function servicePlan(shape: ProjectShape, name: string): Plan {
  checkName('service', name);
  const { language, servicesFolder, root } = shape;
  const config = relative(root, shape.config);
  const identifier = identifierFor(name, 'service', usesIn(readFileSync(shape.config, 'utf8')));
  const module = join(servicesFolder, name, `service.${language}`);
  const test = join('test', `${name}.test.${language}`);
  const statement = `import { ${identifier} } from '${specifier(shape, config, module)}';`;
  return {
    files: [
      { path: module, content: texts.service(name, identifier) },
      { path: test, content: texts.serviceTest(language, name, identifier, specifier(shape, test, module)) },
    ],
    edits: [
      {
        path: config,
        lines: [statement, `services: [${identifier}],  // add ${identifier} to the list`],
        apply: (text) => {
          const listed = withListItem(text, 'services', identifier);
          return listed && withImport(listed, statement);
        },
      },
    ],
    next: [`multilane dev serves GET /${name}; npm test runs ${test}.`],
  };
}

/** A saga of an existing service, and its test on a PostgreSQL. */
export function sagaPlan(shape: ProjectShape, name: string, serviceName: string): Plan {
  checkName('saga', name);
  const { language } = shape;
  const service = existingService(shape, serviceName);
  const identifier = identifierFor(name, 'saga', usesIn(service.text));
  const module = join(service.folder, `${name}-saga.${language}`);
  const test = join('test', `${name}-saga.test.${language}`);
  const statement = `import { ${identifier} } from '${specifier(shape, service.module, module)}';`;
  const addTo = (text: string): string | undefined =>
    hasMember(text, 'sagas')
      ? withListItem(text, 'sagas', identifier)
      : withMember(text, `sagas: [${identifier}]`);
  return {
    files: [
      { path: module, content: texts.saga(language, name, identifier) },
      { path: test, content: texts.sagaTest(language, name, identifier, specifier(shape, test, module)) },
    ],
    edits: [editOf(service, statement, `sagas: [${identifier}],`, addTo)],
    next: [
      `A route of ${serviceName} starts it: sagas.start('${name}', { value: 1 }, { idempotencyKey }).`,
      `The service has a database from now on, which holds the journal. npm test runs ${test}.`,
    ],
  };
}

/** A route of an existing service in a file of its own, and its test. */
export function routePlan(shape: ProjectShape, name: string, serviceName: string): Plan {
  checkName('route', name);
  const { language } = shape;
  const service = existingService(shape, serviceName);
  const identifier = identifierFor(`${name}-route`, 'route', usesIn(service.text));
  const module = join(service.folder, `${name}-route.${language}`);
  const test = join('test', `${serviceName}-${name}-route.test.${language}`);
  const statement = `import { ${identifier} } from '${specifier(shape, service.module, module)}';`;
  return {
    files: [
      { path: module, content: texts.route(language, name, identifier, serviceName) },
      {
        path: test,
        content: texts.routeTest(
          language,
          name,
          serviceName,
          service.identifier,
          specifier(shape, test, service.module),
        ),
      },
    ],
    edits: [
      editOf(service, statement, `${identifier}(app);  // in routes(app)`, (text) =>
        withRouteCall(text, (app) => `${identifier}(${app});`),
      ),
    ],
    next: [
      ...(needsBuild(shape.config)
        ? ['This Node.js runs it from a build: npx multilane build, or dev.']
        : []),
      `multilane routes lists GET /${serviceName}/${name}; npm test runs ${test}.`,
    ],
  };
}

function editOf(
  { module }: ExistingService,
  statement: string,
  line: string,
  add: (text: string) => string | undefined,
): Edit {
  return {
    path: module,
    lines: [statement, line],
    apply: (text) => {
      const added = add(text);
      return added && withImport(added, statement);
    },
  };
}

/** The next migration of an existing service; for the first one, also the member `migrations` and a test. */
export function migrationPlan(shape: ProjectShape, name: string, serviceName: string): Plan {
  checkName('migration', name.replaceAll('_', '-'));
  const service = existingService(shape, serviceName);
  const folder = join(service.folder, 'migrations');
  const path = join(folder, `${nextNumber(join(shape.root, folder))}_${name.replaceAll('-', '_')}.sql`);
  const member = "migrations: new URL('./migrations/', import.meta.url)";
  const test = join('test', `${serviceName}-migrations.test.${shape.language}`);
  const content = texts.migration(name.replaceAll('-', '_'));
  const testFile: NewFile = {
    path: test,
    optional: true,
    content: texts.migrationTest(shape.language, service, specifier(shape, test, service.module)),
  };
  const edit: Edit = {
    path: service.module,
    lines: [`${member},`],
    apply: (text) => withMember(text, member),
  };
  return {
    files: [{ path, content }, testFile],
    edits: hasMember(service.text, 'migrations') ? [] : [edit],
    next: [
      ...(texts.hasStatement(content)
        ? []
        : [`Write its statements: a start refuses ${basename(path)} without any.`]),
      'A start applies it once (also that of `multilane dev`); later changes of the file are not run.',
    ],
  };
}

/** The number after the highest one, with as many digits: `0003`. */
function nextNumber(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const numbers = names.flatMap((name) => /^(\d{1,17})(?!\d).*\.sql$/.exec(name)?.[1] ?? []);
  const next = numbers.map(BigInt).reduce((most, one) => (one > most ? one : most), 0n) + 1n;
  const digits = Math.max(0, ...numbers.map(({ length }) => length)) || 4;
  return String(next).padStart(digits, '0');
}
