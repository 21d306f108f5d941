// The rules of this service. They do no I/O, so a test can call them directly.

/** @param {string} name @param {string | undefined} language */
export function greeting(name, language) {
  const word = { de: 'Hallo', es: 'Hola', fr: 'Bonjour' }[language ?? ''] ?? 'Hello';
  return `${word}, ${name}!`;
}
