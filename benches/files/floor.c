/* The floor of a merge: reads files in step, averages them as f32, and writes the result. One
 * thread, pieces of 256 KiB, nothing else. Usage: floor INPUT... OUTPUT */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FLOATS = 1 << 16, MOST = 16 };

static float sum[FLOATS], row[FLOATS];

static int fill(int file, float *out) {
    size_t done = 0;
    while (done < sizeof sum) {
        ssize_t more = read(file, (char *)out + done, sizeof sum - done);
        if (more <= 0) break;
        done += more;
    }
    return done;
}

int main(int count, char **names) {
    int inputs[MOST], many = count - 2;
    if (many < 1 || many > MOST) return 2;
    for (int i = 0; i < many; i++) inputs[i] = open(names[i + 1], O_RDONLY);
    int output = open(names[count - 1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (;;) {
        int bytes = fill(inputs[0], sum);
        if (bytes <= 0) break;
        int floats = bytes / sizeof(float);
        for (int i = 1; i < many; i++) {
            fill(inputs[i], row);
            for (int j = 0; j < floats; j++) sum[j] += row[j];
        }
        for (int j = 0; j < floats; j++) sum[j] *= 1.0f / many;
        if (write(output, sum, bytes) != bytes) return 3;
    }
    return close(output) != 0;
}
