// The rules of this service. They do no I/O, so a test can call them directly.

const WORDS: Readonly<Record<string, string>> = { de: 'Hallo', es: 'Hola', fr: 'Bonjour' };

export function greeting(name: string, language?: string): string {
  return `${WORDS[language ?? ''] ?? 'Hello'}, ${name}!`;
}
