// The pages of the dashboard, in the order of the navigation.
import type { ComponentType } from 'preact';
import { BreakersPage } from './pages/breakers.js';
import { CallsPage } from './pages/calls.js';
import { CpuPage } from './pages/cpu.js';
import { LimitsPage } from './pages/limits.js';
import { OverviewPage } from './pages/overview.js';
import { RoutePage } from './pages/route.js';
import { RoutesPage } from './pages/routes.js';
import { SagaPage } from './pages/saga.js';
import { SagasPage } from './pages/sagas.js';
import { ServicePage } from './pages/service.js';
import { ServicesPage } from './pages/services.js';
import { SettingsPage } from './pages/settings.js';
import { SwitchesPage } from './pages/switches.js';
import { TracePage } from './pages/trace.js';
import { TracesPage } from './pages/traces.js';
import { WorkerPage } from './pages/worker.js';
import { WorkersPage } from './pages/workers.js';

export interface PageEntry {
  readonly id: string;
  readonly title: string;
  /** The page in the navigation that a page without an own entry belongs to. */
  readonly below?: string;
  readonly group: string;
  readonly show: ComponentType;
}

export const PAGES: readonly PageEntry[] = [
  { id: 'overview', title: 'Overview', group: 'Now', show: OverviewPage },
  { id: 'routes', title: 'Routes', group: 'Traffic', show: RoutesPage },
  { id: 'route', title: 'Route', below: 'routes', group: 'Traffic', show: RoutePage },
  { id: 'traces', title: 'Traces', group: 'Traffic', show: TracesPage },
  { id: 'trace', title: 'Trace', below: 'traces', group: 'Traffic', show: TracePage },
  { id: 'sagas', title: 'Sagas', group: 'Traffic', show: SagasPage },
  { id: 'saga', title: 'Saga', below: 'sagas', group: 'Traffic', show: SagaPage },
  { id: 'workers', title: 'Workers', group: 'Process', show: WorkersPage },
  { id: 'worker', title: 'Worker', below: 'workers', group: 'Process', show: WorkerPage },
  { id: 'cpu', title: 'CPU', group: 'Process', show: CpuPage },
  { id: 'limits', title: 'Limits', group: 'Process', show: LimitsPage },
  { id: 'services', title: 'Services', group: 'Mesh', show: ServicesPage },
  { id: 'service', title: 'Service', below: 'services', group: 'Mesh', show: ServicePage },
  { id: 'calls', title: 'Calls', group: 'Mesh', show: CallsPage },
  { id: 'breakers', title: 'Breakers', group: 'Mesh', show: BreakersPage },
  { id: 'switches', title: 'Switches', group: 'Operate', show: SwitchesPage },
  { id: 'settings', title: 'Settings', group: 'Operate', show: SettingsPage },
];
