// What do Node's resolvers return? Calls dns.lookup (libc) or dns.resolve4 (c-ares) in a loop, and prints a line for each, as getaddrinfo.c:
//     node resolve.js lookup|resolve4 NAME SECONDS
const dns = require('dns');
const [way, name, seconds] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
const clock = () => Number(process.hrtime.bigint()) / 1e9;

function ask() {
  const begin = clock();
  const done = (error, found) => {
    const took = ((clock() - begin) * 1e3).toFixed(3);
    const addresses = error ? [] : [].concat(found).map((one) => one.address || one);
    console.log(`${begin.toFixed(6)} ${took} ${error ? 'error ' + error.code : 'ok ' + addresses.join(' ')}`);
    if (performance.now() < end) setTimeout(ask, 10);
  };
  if (way === 'lookup') dns.lookup(name, { all: true }, done);
  else dns.resolve4(name, done);
}
ask();
