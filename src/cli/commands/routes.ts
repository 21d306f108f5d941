// `multilane routes`: lists the routes of a project without starting it.
import type { Command } from 'commander';
import { exitProcess } from '../../process/process-exit.js';
import type { RouteDocs } from '../../server/docs/route-docs.js';
import type { RouteInfo, RouteOptions } from '../../server/handler.js';
import { type OutputOptions, print, printJson, tableOf, withJson } from '../output.js';
import { type ProjectOptions, projectSettings, withProject } from '../project-settings.js';

const SCHEMAS: ReadonlySet<string> = new Set(['params', 'query', 'headers', 'body', 'response']);
/** What only describes a route, for OpenAPI, would hide the options that have an effect. */
const DESCRIPTIONS: ReadonlySet<string> = new Set<keyof RouteDocs>([
  'description',
  'tags',
  'operationId',
  'externalDocs',
  'hide',
  'security',
  'errors',
  'responseHeaders',
  'consumes',
  'produces',
  'example',
  'examples',
]);

export function routesCommand(program: Command): void {
  withJson(withProject(program.command('routes')))
    .description('list the routes of the project without starting it; finds duplicates and bad patterns')
    .action(async (options: ProjectOptions & OutputOptions) => {
      const { projectRoutes } = await import('../../worker/project-routes.js');
      const routes = await projectRoutes(await projectSettings(options));
      const table = tableOf(['METHOD', 'PATH', 'SERVICE', 'OPTIONS'], routes.map(rowOf));
      await (options.json ? printJson(routes) : print(table));
      // The loop may not end by itself: a service may have set a timer while it registered its routes.
      await exitProcess(0, false);
    });
}

const rowOf = ({ method, path, service, webSocket, options }: RouteInfo): readonly string[] => [
  method,
  path,
  service,
  `${webSocket ? 'websocket ' : ''}${optionsOf(options)}`.trimEnd(),
];

/** The options as text: `internal timeoutMs=2000 (body, response 201)`. Schemas are shown by name only. */
function optionsOf({ summary, ...options }: RouteOptions): string {
  const values = Object.entries(options)
    .filter(([name]) => !SCHEMAS.has(name) && !DESCRIPTIONS.has(name))
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? name : `${name}=${shown(value)}`));
  const checked = Object.keys(options)
    .filter((name) => SCHEMAS.has(name))
    .map((name) =>
      name === 'response' ? `response ${Object.keys(options.response ?? {}).join('/')}` : name,
    );
  const schemas = checked.length === 0 ? [] : [`(${checked.join(', ')})`];
  return [...values, ...schemas, ...(summary === undefined ? [] : [`# ${summary}`])].join(' ');
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
