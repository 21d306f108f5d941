import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greeting } from '../services/hello/greeting.ts';

test('greets in the given language', () => {
  assert.equal(greeting('Ada', 'fr'), 'Bonjour, Ada!');
});

test('greets in English when the language is unknown', () => {
  assert.equal(greeting('Ada', 'tlh'), 'Hello, Ada!');
  assert.equal(greeting('Ada'), 'Hello, Ada!');
});
