// The test kit that tests of a project import as `multilane/testing`. Importing it starts nothing.
export type { InjectedStream } from './server/inject.js';
export { type ClusterOptions, startCluster, type TestCluster } from './testing/cluster.js';
export type { InjectRequest } from './testing/inject-request.js';
export type { InjectResponse } from './testing/inject-response.js';
export { MissingDependencyError } from './testing/missing-dependencies.js';
export type { ClientStub, DependencyOverrides, ServiceOverrides } from './testing/overrides.js';
export { startPostgres, type TestPostgres } from './testing/postgres.js';
export { ClusterError, type Exit } from './testing/started-process.js';
export { createTestApp, type LogLine, type TestApp, type TestAppOptions } from './testing/test-app.js';
