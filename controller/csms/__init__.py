"""The OCPP client: sans-I/O RPC, schemas, link, and one projection of the domain per version."""
