mod forgetting;
mod rows;
