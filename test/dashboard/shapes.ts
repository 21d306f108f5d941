// Compares the shapes of two JSON values: names of members and types, through all lists. What a list has is
// looked at together, so that a member which is null in one item may have its type in another.

/**
 * Whether a member is data, such as the counts by status, by its path, such as `/routes/histogram.statuses`.
 * It may be absent, too.
 */
export type IsData = (path: string) => boolean;

interface Shape {
  /** Types of the values but null: `string`, `number`, `boolean`. */
  readonly types: Set<string>;
  readonly members: Map<string, Shape>;
  /** The shape of the items of a list; undefined: no list has an item. */
  item?: Shape;
}

const newShape = (): Shape => ({ types: new Set(), members: new Map() });

function learn(shape: Shape, value: unknown): Shape {
  if (value === null) return shape;
  if (Array.isArray(value)) {
    shape.types.add('list');
    for (const one of value) shape.item = learn(shape.item ?? newShape(), one);
  } else if (typeof value === 'object') {
    shape.types.add('object');
    for (const [name, one] of Object.entries(value)) {
      shape.members.set(name, learn(shape.members.get(name) ?? newShape(), one));
    }
  } else shape.types.add(typeof value);
  return shape;
}

const listed = (names: Iterable<string>): string => [...names].sort().join(', ');

/** What differs, a line for each; what is null or empty on one side is not compared. */
export function differences(path: string, real: unknown, fake: unknown, isData: IsData): string[] {
  return compared(path, learn(newShape(), real), learn(newShape(), fake), isData);
}

function compared(path: string, real: Shape, fake: Shape, isData: IsData): string[] {
  if (isData(path) || real.types.size === 0 || fake.types.size === 0) return [];
  const [types, fakeTypes] = [listed(real.types), listed(fake.types)];
  if (types !== fakeTypes) return [`${path}: ${types} is ${fakeTypes} in the fake`];
  if (real.types.has('list')) {
    const [item, fakeItem] = [real.item, fake.item];
    return item === undefined || fakeItem === undefined ? [] : compared(`${path}[]`, item, fakeItem, isData);
  }
  return [...new Set([...real.members.keys(), ...fake.members.keys()])].flatMap((name) => {
    const [one, other] = [real.members.get(name), fake.members.get(name)];
    if (isData(`${path}.${name}`)) return [];
    if (one === undefined) return [`${path}.${name}: only in the fake`];
    return other === undefined
      ? [`${path}.${name}: not in the fake`]
      : compared(`${path}.${name}`, one, other, isData);
  });
}
