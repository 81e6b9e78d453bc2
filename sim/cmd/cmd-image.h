/* cmd-image.h - `cocobox image encrypt ...`; argv[0] is "image". Returns cocobox's exit status. */
#ifndef SIM_CMD_IMAGE_H
#define SIM_CMD_IMAGE_H

int sim_cmd_image(int argc, char **argv);

#endif
