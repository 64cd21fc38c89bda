/**
 * The registries: `registry-stub.ts ADDRESS RDAP_PORT`, RDAP over HTTP there and WHOIS on port 43. Every domain was registered in 2009.
 * Prints `rdap TEXT` and `whois TEXT` with everything it was asked, percent-encoded: path, headers and body, or the line.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [address, rdapPort] = process.argv.slice(2);
if (address === undefined || rdapPort === undefined) throw new Error('usage: registry-stub.ts ADDRESS RDAP_PORT');
const REGISTERED = '2009-04-02T00:00:00Z';

const rdap = createHttpServer(async (request, response) => {
  let body = '';
  request.setEncoding('latin1');
  for await (const chunk of request) body += chunk;
  const asked = `${request.method} ${request.url}\n${request.rawHeaders.join('\n')}\n${body}`;
  console.log(`rdap ${encodeURIComponent(asked)}`);
  const ldhName = request.url?.split('/').at(-1) ?? '';
  const events = [{ eventAction: 'registration', eventDate: REGISTERED }];
  response.setHeader('content-type', 'application/rdap+json');
  response.end(JSON.stringify({ objectClassName: 'domain', ldhName, events }));
});
const whois = createServer((connection) => {
  connection.on('error', () => connection.destroy());
  connection.once('data', (line) => {
    console.log(`whois ${encodeURIComponent(line.toString('latin1'))}`);
    connection.end(`Domain Name: ${line.toString('latin1').trim()}\r\nCreation Date: ${REGISTERED}\r\n`);
  });
});
rdap.listen(Number(rdapPort), address, () => {
  whois.listen(43, address, () => console.log('registries ready'));
});
