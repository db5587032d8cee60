/* A queue program that does nothing but read: the message on descriptor 0 to its end, then the envelope on 1. */

#include <unistd.h>

int main(void)
{
    static char octets[65536];
    while (read(0, octets, sizeof octets) > 0)
        ;
    while (read(1, octets, sizeof octets) > 0)
        ;
    return 0;
}
