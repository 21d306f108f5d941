// What is generated for a service, a saga, a route and a migration: the files and the edits of each.
import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { CommandFailure } from '../command-failure.js';
import { needsBuild } from '../dev/development-build.js';
import type { ExistingNames } from './existing-names.js';
import { conflictOf, hasStatement, migrationText, nextNumber } from './migration-files.js';
import { checkName, identifierFor } from './names.js';
import type { Edit, NewFile, Plan } from './plan.js';
import { type ExistingService, existingService, type ProjectShape, specifier } from './project-shape.js';
import { hasMember, withImport, withListItem, withMember, withRouteCall } from './source-edit.js';
import * as texts from './texts.js';

/** Stands for an identifier where only the other words of a text matter. */
const PLACEHOLDER = '_';

/** @throws CommandFailure for a name that is taken @param owner says what has it; undefined: it is free */
function refuseTaken(owner: string | undefined, next: string): void {
  if (owner !== undefined) throw new CommandFailure(`nothing was written: ${owner}; ${next}`);
}

/** A service with a route, its test, and its place in the configuration. */
export function servicePlan(shape: ProjectShape, name: string, existing: ExistingNames): Plan {
  checkName('service', name);
  const { language, servicesFolder, root } = shape;
  const folder = join(servicesFolder, name);
  const another = 'choose another name';
  refuseTaken(existing.service(name), another);
  refuseTaken(existing.route({ name, folder }, `/${name}`), another);
  const config = relative(root, shape.config);
  const module = join(folder, `service.${language}`);
  const test = join('test', `${name}.test.${language}`);
  const toModule = specifier(shape, test, module);
  const identifier = identifierFor(name, 'service', [
    readFileSync(shape.config, 'utf8'),
    texts.service(name, PLACEHOLDER),
    texts.serviceTest(language, name, PLACEHOLDER, toModule),
  ]);
  const statement = `import { ${identifier} } from '${specifier(shape, config, module)}';`;
  return {
    files: [
      { path: module, content: texts.service(name, identifier) },
      { path: test, content: texts.serviceTest(language, name, identifier, toModule) },
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
export function sagaPlan(
  shape: ProjectShape,
  name: string,
  existing: ExistingNames,
  serviceName: string,
): Plan {
  checkName('saga', name);
  const { language } = shape;
  const service = existingService(shape, serviceName);
  refuseTaken(
    existing.saga(service, name),
    'choose another name, or change that saga and increase its version',
  );
  const module = join(service.folder, `${name}-saga.${language}`);
  const test = join('test', `${name}-saga.test.${language}`);
  const toModule = specifier(shape, test, module);
  const identifier = identifierFor(name, 'saga', [
    service.text,
    texts.saga(language, name, PLACEHOLDER),
    texts.sagaTest(language, name, PLACEHOLDER, toModule),
  ]);
  const statement = `import { ${identifier} } from '${specifier(shape, service.module, module)}';`;
  const addTo = (text: string): string | undefined =>
    hasMember(text, 'sagas')
      ? withListItem(text, 'sagas', identifier)
      : withMember(text, `sagas: [${identifier}]`);
  return {
    files: [
      { path: module, content: texts.saga(language, name, identifier) },
      { path: test, content: texts.sagaTest(language, name, identifier, toModule) },
    ],
    edits: [editOf(service, statement, `sagas: [${identifier}],`, addTo)],
    next: [
      `A route of ${service.name} starts it: sagas.start('${name}', { value: 1 }, { idempotencyKey }).`,
      `The service has a database from now on, which holds the journal. npm test runs ${test}.`,
    ],
  };
}

/** A route of an existing service in a file of its own, and its test. */
export function routePlan(
  shape: ProjectShape,
  name: string,
  existing: ExistingNames,
  serviceName: string,
): Plan {
  checkName('route', name);
  const { language } = shape;
  const service = existingService(shape, serviceName);
  const path = `/${service.name}/${name}`;
  refuseTaken(existing.route(service, path), 'choose another name, or change that route');
  const module = join(service.folder, `${name}-route.${language}`);
  const test = join('test', `${service.name}-${name}-route.test.${language}`);
  const identifier = identifierFor(`${name}-route`, 'route', [
    service.text,
    texts.route(language, path, PLACEHOLDER),
  ]);
  const statement = `import { ${identifier} } from '${specifier(shape, service.module, module)}';`;
  const testOf = (imported: texts.ImportedService): string => texts.routeTest(language, path, imported);
  return {
    files: [
      { path: module, content: texts.route(language, path, identifier) },
      { path: test, content: testOf(importFor(shape, test, service, testOf)) },
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
      `multilane routes lists GET ${path}; npm test runs ${test}.`,
    ],
  };
}

/** How a test imports an existing service: by its own name, or by another where the test has that word. */
function importFor(
  shape: ProjectShape,
  test: string,
  { identifier: exported, isDefaultExport, module, name }: ExistingService,
  textOf: (imported: texts.ImportedService) => string,
): texts.ImportedService {
  const text = textOf({ name, identifier: PLACEHOLDER, statement: '' });
  const identifier = identifierFor(exported, 'service', [text]);
  const clause = identifier === exported ? exported : `${exported} as ${identifier}`;
  const statement = `import ${isDefaultExport ? identifier : `{ ${clause} }`} from '${specifier(shape, test, module)}';`;
  return { name, identifier, statement };
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
export function migrationPlan(
  shape: ProjectShape,
  name: string,
  _existing: ExistingNames,
  serviceName: string,
): Plan {
  const what = name.replaceAll('-', '_');
  checkName('migration', name.replaceAll('_', '-'));
  const { language, root } = shape;
  const service = existingService(shape, serviceName);
  const folder = join(service.folder, 'migrations');
  refuseTaken(
    conflictOf(join(root, folder), what),
    'choose another name, and write the statement that you mean into the new file',
  );
  const path = join(folder, `${nextNumber(join(root, folder))}_${what}.sql`);
  const member = "migrations: new URL('./migrations/', import.meta.url)";
  const test = join('test', `${service.name}-migrations.test.${language}`);
  const content = migrationText(what);
  const testOf = (imported: texts.ImportedService): string => texts.migrationTest(language, imported);
  const testFile: NewFile = {
    path: test,
    optional: true,
    content: testOf(importFor(shape, test, service, testOf)),
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
      ...(hasStatement(content)
        ? []
        : [`Write its statements: a start refuses ${basename(path)} without any.`]),
      'A start applies it once (also that of `multilane dev`); later changes of the file are not run.',
    ],
  };
}
