// The resource of everything that is exported by OTLP: which process it comes from.
import { hostname } from 'node:os';
import type { Resource } from '@opentelemetry/resources';
import type { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Settings } from '../config.js';

/**
 * @param instanceId unique for each start of the process
 * @param own further attributes; the settings of the operator win over them
 */
export function otelResource(
  { defaultResource, resourceFromAttributes }: typeof import('@opentelemetry/resources'),
  { serviceName, resourceAttributes }: Pick<Settings['otel'], 'serviceName' | 'resourceAttributes'>,
  instanceId: string,
  own: Readonly<Record<string, string | number>> = {},
): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      'host.name': hostname(),
      'process.pid': process.pid,
      ['service.instance.id' satisfies typeof ATTR_SERVICE_INSTANCE_ID]: instanceId,
      ...own,
      ...resourceAttributes,
      ['service.name' satisfies typeof ATTR_SERVICE_NAME]: serviceName,
    }),
  );
}
