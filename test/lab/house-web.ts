/**
 * A web server of the house's internet: `house-web.ts ADDRESS CERTIFICATE KEY [FOLDER]`, ports 80 and 443. Serves the files of FOLDER with an
 * ETag and answers 304 to who has them; without FOLDER it greets with the host it was asked for. Prints status and path of each request.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { basename, join } from 'node:path';

const [address, certificate, key, folder] = process.argv.slice(2);
if (address === undefined || certificate === undefined || key === undefined)
  throw new Error('usage: house-web.ts ADDRESS CERTIFICATE KEY [FOLDER]');

const answer: RequestListener = (request, response) => {
  const path = request.url ?? '/';
  response.on('finish', () => console.log(`${response.statusCode} ${path}`));
  if (folder === undefined) {
    response.end(`this is ${request.headers.host}\n`);
    return;
  }
  const file = join(folder, basename(path));
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const body = readFileSync(file);
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  response.setHeader('etag', etag).setHeader('content-type', 'text/plain');
  if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
  else response.end(body);
};

createServer(answer).listen(80, address, () => {
  createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, answer).listen(443, address, () => console.log('serving'));
});
