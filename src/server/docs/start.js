// Shows the OpenAPI document. Without `validatorUrl: null` the viewer would send it to a server of its
// makers.
const url = new URL('openapi.json', document.baseURI).href;

/** Differs with every load of the page. */
const tag = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) =>
  byte.toString(16).padStart(2, '0'),
).join('');

/**
 * The same example with other last digits, such as ada+9f3c01d2@example.org for ada@example.org: for values that must
 * not be used twice, such as keys and addresses of new users. Executing the examples again, without loading the page
 * again, repeats the same request.
 */
const vary = (given) => {
  const example = String(given);
  return example.includes('@') ? example.replace('@', `+${tag}@`) : example.slice(0, -tag.length) + tag;
};

/** Varies the examples of the schemas that have `x-vary-example: true`. */
function varyExamples(node) {
  if (typeof node !== 'object' || node === null) return;
  if (node['x-vary-example'] === true && Array.isArray(node.examples))
    node.examples = node.examples.map(vary);
  // A parameter repeats the example of its schema.
  if (node.schema?.['x-vary-example'] === true && node.example !== undefined)
    node.example = vary(node.example);
  for (const inner of Object.values(node)) varyExamples(inner);
}

SwaggerUIBundle({
  url,
  dom_id: '#viewer',
  deepLinking: true,
  validatorUrl: null,
  responseInterceptor(response) {
    if (response.url !== url || !response.ok) return response;
    const described = JSON.parse(response.text);
    varyExamples(described);
    response.text = JSON.stringify(described);
    return response;
  },
});
