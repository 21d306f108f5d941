// The name of an instance in one text.

export const keyOf = (service: string, id: string): string => `${service} ${id}`;

export function namesOf(key: string): readonly [service: string, id: string] {
  const end = key.indexOf(' ');
  return [key.slice(0, end), key.slice(end + 1)];
}
