// The names that a project has already: its services, sagas and routes, and the routes of the runtime itself.
// The project is loaded and its routes are registered as at a start, so the rules of a start decide. Where it
// does not load, the text of its files is searched instead.
import { existsSync } from 'node:fs';
import { defineService } from '../../api/define-service.js';
import type { ServiceDefinition } from '../../api/service-definition.js';
import type { LoadOptions } from '../../config/load.js';
import type { Settings } from '../../config.js';
import { errorMessage } from '../../error-text.js';
import type { App } from '../../server/app.js';
import { DeclaredTwiceError } from '../../server/mounted-routes.js';
import { projectLocation } from '../../user-code/project-error.js';
import { SYSTEM } from '../../worker/system-routes.js';
import { flagsOfRunnable } from '../built-config.js';
import { builtConfigOf, needsBuild } from '../dev/development-build.js';
import { type ExistingService, filesNaming, type ProjectShape, serviceModules } from './project-shape.js';

/** Each function says in a clause what has a name; undefined where the name is free. */
export interface ExistingNames {
  /** Why the project does not load; undefined where it does. */
  readonly problem?: string;
  service(name: string): string | undefined;
  saga(service: ExistingService, name: string): string | undefined;
  /** What serves `GET path`. @param service the one that is to have the route */
  route(service: Pick<ExistingService, 'name' | 'folder'>, path: string): string | undefined;
}

export async function existingNames(shape: ProjectShape): Promise<ExistingNames> {
  const { config, root } = shape;
  if (needsBuild(config) && !existsSync(builtConfigOf(config, root))) {
    const problem = `Node.js ${process.versions.node} does not run TypeScript, and there is no build to read: npx multilane build makes one`;
    return { ...(await namesInText(shape)), problem };
  }
  try {
    const argv = flagsOfRunnable([`--config=${config}`], root);
    const settings = await settingsFor({ cwd: root, argv });
    const services = await declaredServices(settings);
    return namesOf(shape, services, await appOf(settings, services));
  } catch (error) {
    return { ...(await namesInText(shape)), problem: errorMessage(error) };
  }
}

/** The names of a project that does not load, as far as the text of its files shows them. */
export async function namesInText(shape: ProjectShape): Promise<ExistingNames> {
  const settings = await settingsFor({ cwd: shape.root, argv: ['--demo'], env: {} });
  return namesOf(shape, [], await appOf(settings, []));
}

async function settingsFor(options: Pick<LoadOptions, 'argv' | 'cwd' | 'env'>): Promise<Settings> {
  const { loadSettings } = await import('../../config/load.js');
  const loaded = await loadSettings({ ...options, isTTY: false, shop: async () => [] });
  if (loaded.kind !== 'run') throw new Error(`no flag asked for ${loaded.kind}`);
  return loaded.settings;
}

/** All services of the project, whether SERVICES mounts them or not. */
async function declaredServices({ configFile }: Settings): Promise<readonly ServiceDefinition[]> {
  if (configFile === undefined) return []; // the file lists no services yet
  const { loadProject } = await import('../../worker/load-services.js');
  return (await loadProject(configFile)).services.map((service) => defineService(service));
}

async function appOf(settings: Settings, services: readonly ServiceDefinition[]): Promise<App> {
  const { registeredApp } = await import('../../worker/project-routes.js');
  return registeredApp(settings, services);
}

function namesOf(shape: ProjectShape, services: readonly ServiceDefinition[], app: App): ExistingNames {
  return {
    service(name) {
      const { module } = serviceModules(shape).find((one) => one.name === name) ?? {};
      if (module === undefined && !services.some((one) => one.name === name)) return refusalOf(name);
      return `the project has a service "${name}" already${inFile(module)}`;
    },
    saga(service, name) {
      const [file] = filesNaming(shape, service.folder, 'saga', name);
      const loaded = services.find((one) => one.name === service.name);
      const isTaken = loaded ? loaded.sagas?.some((saga) => saga.name === name) : file !== undefined;
      return isTaken ? `service ${service.name} has a saga "${name}" already${inFile(file)}` : undefined;
    },
    route(service, path) {
      const owner = ownerOf(app, service.name, path);
      if (owner !== undefined || services.some((one) => one.name === service.name)) return owner;
      const folder = services.length === 0 ? shape.servicesFolder : service.folder;
      const [file] = filesNaming(shape, folder, 'route', path);
      return file && `GET ${path} is declared already${inFile(file)}`;
    },
  };
}

const inFile = (file: string | undefined): string => (file === undefined ? '' : ` (${file})`);

/** Why no service can have a name, such as that of a database of PostgreSQL itself. */
function refusalOf(name: string): string | undefined {
  try {
    defineService({ name, routes() {} });
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** What serves `GET path` already. Whether the path is free is tried, so the rules of the router decide. */
function ownerOf(app: App, service: string, path: string): string | undefined {
  try {
    app.mount(service, (routes) => void routes.get(path, () => undefined));
    return undefined;
  } catch (error) {
    const owner = app.routes().find((route) => route.path === path && route.method === 'GET')?.service;
    if (owner === SYSTEM) return `the runtime itself serves GET ${path}`;
    const first = error instanceof DeclaredTwiceError && error.first && projectLocation(error.first);
    return first && owner ? `service ${owner} has declared GET ${path} at ${first}` : errorMessage(error);
  }
}
