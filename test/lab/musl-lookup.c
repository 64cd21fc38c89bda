/*
 * The musl client of the lab: `musl-lookup NAME` asks getaddrinfo for NAME and prints one numeric address a line.
 * Exits 0 with addresses; otherwise prints gai_strerror's text and exits with the negated EAI code.
 * Built statically with musl-gcc, so that it uses musl's resolver on a glibc system.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct addrinfo hints, *found, *entry;
	char host[64];
	int code;

	if (argc != 2)
		return 64;
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	code = getaddrinfo(argv[1], NULL, &hints, &found);
	if (code != 0) {
		fprintf(stderr, "%s\n", gai_strerror(code));
		return -code;
	}
	for (entry = found; entry != NULL; entry = entry->ai_next) {
		if (getnameinfo(entry->ai_addr, entry->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) == 0)
			puts(host);
	}
	freeaddrinfo(found);
	return 0;
}
