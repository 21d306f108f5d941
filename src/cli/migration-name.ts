// Which names the files of migrations have: a number, and what it is for.

export const isMigration = (name: string): boolean => /^\d{1,17}(?!\d).*\.sql$/.test(name);
