// The services that a test mounts and their settings, read as from a configuration file. The command line and
// the environment are not read, so that a test does the same in every shell.
import type { ProjectConfig } from '../api/define-config.js';
import { defineService } from '../api/define-service.js';
import type { ServiceDefinition } from '../api/service-definition.js';
import { type ConfigFile, configFileOf, loadConfigFile } from '../config/config-file.js';
import { settingsOf } from '../config/load.js';
import type { Settings } from '../config.js';
import { ConfigError } from '../errors.js';
import type { ProtoFiles } from '../grpc/known-protos.js';
import { checkOpenApi } from '../openapi-checks.js';
import { checkUpstreams } from '../upstream-options.js';
import { projectProtos } from '../worker/project-protos.js';
import { fileOf } from './file-of.js';

export interface ProjectOptions {
  /**
   * The services to mount.
   * @default the services of `config`
   */
  readonly services?: readonly ServiceDefinition[];
  /**
   * The default export of `multilane.config.js`, or the file: its URL, or its path from the working
   * directory.
   * @default none: pass `services`
   */
  readonly config?: ProjectConfig | URL | string;
  /**
   * Settings by their camelCase names; they override those of `config`. `adaptiveLimit` is off whatever
   * `config` says, and applies only when it stands here: that rule measures the queue in front of a thread,
   * and requests of a test that take one turn of the event loop look like one.
   * @default { adaptiveLimit: false }
   */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Project {
  readonly services: readonly ServiceDefinition[];
  /** The .proto files of the services that can be called by gRPC, by service. */
  readonly protos: ReadonlyMap<string, ProtoFiles>;
  readonly settings: Settings;
}

/** @throws ConfigError for services or settings that cannot work */
export async function projectOf({ services, config, settings = {} }: ProjectOptions): Promise<Project> {
  const file = await configurationOf(config);
  const declared = services ?? (file.services as readonly ServiceDefinition[] | undefined);
  if (declared === undefined)
    throw new ConfigError('createTestApp: pass services, or a config that has some');
  const mounted = declared.map((service) => defineService(service));
  const used = { adaptiveLimit: false, ...settings };
  const read = settingsOf({ ...file, services: mounted }, used, process.cwd());
  const wanted = read.services;
  return {
    services: wanted === undefined ? mounted : mounted.filter(({ name }) => wanted.includes(name)),
    protos: projectProtos({ services: mounted, protos: file.protos as ProjectConfig['protos'] }),
    settings: { ...read, configFile: file.path === '' ? undefined : file.path },
  };
}

async function configurationOf(config: ProjectOptions['config'] = {}): Promise<ConfigFile> {
  if (typeof config === 'string' || config instanceof URL) {
    return loadConfigFile(configFileOf(process.cwd(), { config: fileOf(config), demo: false })!);
  }
  const { services, protos, upstreams, zone, openapi, ...members } = config;
  if (upstreams !== undefined) checkUpstreams(upstreams);
  if (openapi !== undefined) checkOpenApi(openapi);
  return { path: '', name: 'config', services, protos, upstreams, zone, openapi, members };
}
