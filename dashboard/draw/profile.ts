// A CPU profile as a tree of call stacks, each with the time that it took.

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

/** The parts of a `.cpuprofile` that are used (Chrome DevTools Protocol, `Profiler.Profile`). */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

export interface Frame {
  readonly name: string;
  /** File and line; empty for what is not JavaScript. */
  readonly place: string;
  /** Microseconds in this function itself, and with all that it called. */
  selfUs: number;
  totalUs: number;
  readonly children: Frame[];
}

export interface Box {
  readonly frame: Frame;
  readonly depth: number;
  /** Shares of the whole width. */
  readonly left: number;
  readonly width: number;
}

/** V8's nodes for time without JavaScript. */
const NOT_CODE = new Set(['(program)', '(idle)']);
/** Frames that are narrower than this share are not drawn. */
const LEAST_WIDTH = 0.002;
const MAX_BOXES = 2_000;
const MAX_DEPTH = 200;

export const isCpuProfile = (value: unknown): value is CpuProfile =>
  typeof value === 'object' && value !== null && 'nodes' in value && Array.isArray(value.nodes);

const placeOf = ({ url, lineNumber }: ProfileNode['callFrame']): string =>
  url === '' ? '' : `${url.replace(/^file:\/\//, '')}:${lineNumber + 1}`;

/** The root of the profile, whose time is that of all its stacks. `idleUs` is the time without any. */
export function treeOf(profile: CpuProfile): { readonly root: Frame; readonly idleUs: number } {
  const selfUs = new Map<number, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, profile.timeDeltas?.[index] ?? 0));
  }
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  let idleUs = 0;
  const build = (node: ProfileNode, depth: number): Frame => {
    const own = selfUs.get(node.id) ?? 0;
    const isIdle = NOT_CODE.has(node.callFrame.functionName);
    if (isIdle) idleUs += own;
    const frame: Frame = {
      name: node.callFrame.functionName || '(anonymous)',
      place: placeOf(node.callFrame),
      selfUs: isIdle ? 0 : own,
      totalUs: isIdle ? 0 : own,
      children: [],
    };
    if (depth >= MAX_DEPTH) return frame;
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child === undefined) continue;
      const built = build(child, depth + 1);
      frame.totalUs += built.totalUs;
      if (built.totalUs > 0) frame.children.push(built);
    }
    frame.children.sort((a, b) => b.totalUs - a.totalUs);
    return frame;
  };
  const [first] = profile.nodes;
  const root =
    first === undefined
      ? { name: '(root)', place: '', selfUs: 0, totalUs: 0, children: [] }
      : build(first, 0);
  return { root, idleUs };
}

/** The boxes of the stacks below a frame, which has the whole width. */
export function boxesOf(top: Frame): readonly Box[] {
  const boxes: Box[] = [];
  const add = (frame: Frame, depth: number, left: number): void => {
    const width = top.totalUs === 0 ? 0 : frame.totalUs / top.totalUs;
    if (width < LEAST_WIDTH || boxes.length >= MAX_BOXES) return;
    boxes.push({ frame, depth, left, width });
    let at = left;
    for (const child of frame.children) {
      add(child, depth + 1, at);
      at += child.totalUs / top.totalUs;
    }
  };
  add(top, 0, 0);
  return boxes;
}

export interface Hot {
  readonly name: string;
  readonly place: string;
  readonly selfUs: number;
}

/** The functions in which most time was spent, without what they called. */
export function hottest(root: Frame, most: number): readonly Hot[] {
  const found = new Map<string, { name: string; place: string; selfUs: number }>();
  const visit = (frame: Frame): void => {
    const key = `${frame.name} ${frame.place}`;
    const one = found.get(key) ?? { name: frame.name, place: frame.place, selfUs: 0 };
    one.selfUs += frame.selfUs;
    found.set(key, one);
    for (const child of frame.children) visit(child);
  };
  visit(root);
  return [...found.values()]
    .filter(({ selfUs }) => selfUs > 0)
    .sort((a, b) => b.selfUs - a.selfUs)
    .slice(0, most);
}
