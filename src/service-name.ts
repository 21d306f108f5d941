// Names of services: they are part of URLs, database names and metric labels.

export const SERVICE_NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** Whether the value is a text that a service may be called by. */
export const isServiceName = (name: unknown): name is string =>
  typeof name === 'string' && SERVICE_NAME.test(name);
