// The rules of this service. They do no I/O, so a test can call them directly.

const WORDS = { de: 'Hallo', es: 'Hola', fr: 'Bonjour' };

/** @param {string} name @param {string} [language] */
export function greeting(name, language) {
  return `${WORDS[language ?? ''] ?? 'Hello'}, ${name}!`;
}
