// what the page leaves to its reader
var jwt = require('jsonwebtoken');
var token = process.env.TOKEN;
var options = { algorithms: ['RS256'], issuer: 'atm', audience: 'NmN78x6DMfde1XRx9hQg' };

var jwksClient = require('jwks-rsa');
var client = jwksClient({
jwksUri: 'https://api.dev.token.tci-pf.net/auth/.well-known/jwks.json'
});
function getKey(header, callback){
client.getSigningKey(header.kid, function(err, key) {
var signingKey = key.publicKey || key.rsaPublicKey;
callback(null, signingKey);
});
}
jwt.verify(token, getKey, options, function(err, decoded) {
console.log(decoded)
});
