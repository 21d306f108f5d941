// The JSON of the admin plane (docs/admin-json.md), by names that are short. The types are those of what makes it.
import type { PageJson, PlaneJson } from '../../src/admin/plane-json.js';

export type Page<Item> = PageJson<Item>;

export type Overview = PlaneJson['/overview'];
export type Problem = Overview['problems'][number];
export type Saturation = Overview['saturation'][number];

export type Routes = PlaneJson['/routes'];
export type RouteRow = Routes['items'][number];
export type RouteHistogram = PlaneJson['/routes/histogram'];

export type Worker = PlaneJson['/workers'][number];
export type Flight = PlaneJson['/flights']['items'][number];

export type Service = PlaneJson['/services']['items'][number];
export type Instance = PlaneJson['/registry/v1/services/:service']['instances'][number];

export type Calls = PlaneJson['/calls'];
export type CallNode = Calls['nodes'][number];
export type CallEdge = Calls['edges'][number];

export type Breaker = PlaneJson['/breakers']['items'][number];
export type Limits = PlaneJson['/limits'];

export type Switches = PlaneJson['/switches'];
export type RouteSwitch = Switches['routes'][number];

/** Without its input, which no page shows. */
export type Saga = Omit<PlaneJson['/sagas']['items'][number], 'input'>;
export type SagaView = PlaneJson['/sagas/:id'];
export type SagaStep = SagaView['steps'][number];

export type Cpu = PlaneJson['/cpu'];

export type Traces = PlaneJson['/traces'];
export type TraceRow = Traces['items'][number];
export type Trace = PlaneJson['/traces/:traceId'];
export type Span = Trace['spans'][number];

export type Setting = PlaneJson['/settings']['items'][number];
