// The rules of this service: no I/O, so a test needs nothing else.

/** @param {string} name @param {string | undefined} language */
export function greeting(name, language) {
  const word = { de: 'Hallo', es: 'Hola', fr: 'Bonjour' }[language ?? ''] ?? 'Hello';
  return `${word}, ${name}!`;
}
