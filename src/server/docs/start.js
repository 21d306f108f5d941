// Shows the OpenAPI document. Without `validatorUrl: null` the viewer would send it to a server of its
// makers.
SwaggerUIBundle({
  url: new URL('openapi.json', document.baseURI).href,
  dom_id: '#viewer',
  deepLinking: true,
  validatorUrl: null,
});
